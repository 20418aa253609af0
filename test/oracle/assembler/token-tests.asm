%define empty
%define word hello
%define number 5
%define string 'text'
%macro try 1
%ifid %1
db 'i'
%endif
%ifnum %1
db 'n'
%endif
%ifstr %1
db 's'
%endif
%ifempty %1
db 'e'
%endif
%iftoken %1
db 't'
%endif
%endmacro
try hello
try 5
try -5
try 'x'
try word
try number
try string
try {}
try empty
try {a b}
%ifidn word, hello
db 1
%endif
%ifidn Hello, hello
db 2
%endif
%ifidni Hello, hello
db 3
%endif
%ifnidn 'a', 'b'
db 4
%endif
%ifidn 'a', "a"
db 5
%endif
%ifidn {a,b}, {a,b}
db 6
%endif
