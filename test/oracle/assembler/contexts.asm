%macro if_equal 2
%push if
cmp %1, %2
jne %$skip
%endmacro
%macro otherwise 0
%ifctx if
%repl else
jmp %$end
%$skip:
%else
%error "otherwise without if"
%endif
%endmacro
%macro end_if 0
%ifctx if
%$skip:
%pop
%elifctx else
%$end:
%pop
%endif
%endmacro
if_equal ax, 5
mov bx, 1
if_equal bx, 7
mov dx, 3
otherwise
mov dx, 4
end_if
otherwise
mov bx, 2
end_if
%push numbers
%assign %$n 5
%define %$text 'abc'
db %$n, %$text
%push inner
%assign %$n 7
db %$n, %$$n
%pop
db %$n
%pop
