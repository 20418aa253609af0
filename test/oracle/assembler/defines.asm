%define five 5
%define add2(a,b) ((a)+(b))
%define nested add2(five, add2(1,2))
%define empty
%idefine CaseLess 7
db five, add2(1,2), nested, caseless, CASELESS
%define twice(x) x, x
db twice(3)
%define argument(x) twice(x+1)
db argument(4)
db empty 1
%define later now
%define now 1
%xdefine fixed now
%define now 2
db later, fixed
%undef now
now equ 9
db later
%define f(x) 1
%define f(x,y) 2
db f(0), f(0,0)
%define with_string(s) 'a', s
db with_string('b,c')
%define parens(x) x
db parens((1+2)*3)
db parens({1,2})
%assign i 5
%assign i i+1
db i
%assign j i*2
db j
%define stringify(&x) x
db stringify(hello)
%define evaluated(=x) x
db evaluated(1+2)
%define rest(a,b+) b
db rest(1,2,3)
%define self self
self equ 3
db self
