%macro zero 0
db 0
%endmacro
%macro one 1
db %1
%endmacro
%macro two 2
db %1, %2
%endmacro
zero
one 5
two 1, 2
%macro range 1-3 7, 8
db %0, %1, %2, %3
%endmacro
range 1
range 1, 2
range 1, 2, 3
%macro greedy 1+
db %1
%endmacro
greedy 1, 2, 3
%macro greedy2 2+
db %1
db %2
%endmacro
greedy2 1, 2, 3
%macro any 0-*
db %0
%endmacro
any
any 1, 2, 3
one {5}
%macro braces 1
db %1
%endmacro
braces {1, 2, 3}
%imacro MixedCase 0
db 99
%endmacro
mixedcase
MIXEDCASE
here: one 3
there: zero
dw here, there
%macro over 1
db 1
%endmacro
%macro over 2
db 2
%endmacro
over 0
over 0, 0
