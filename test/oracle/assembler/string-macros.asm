%strlen length 'hello'
db length
%substr sub 'hello' 2
db sub
%substr sub2 'hello' 2,3
db sub2
%substr sub3 'hello' 2,-1
db sub3
%substr sub4 'hello' 3,-2
db sub4
%strcat both 'ab', "cd", `\n`
db both
%defstr text hello world
db text
%deftok token 'five'
five equ 5
db token
%define string 'abc'
%strlen n string
db n
%substr sub5 string 9
db sub5, 'x'
