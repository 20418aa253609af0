%foo
%endif
%else
%endmacro
%endrep
%rotate 1
%define
%macro
%endmacro
%include "no-such-file.inc"
%error this is wrong
%pop
%exitrep
%assign x y
%if 1 +
%endif
%strlen a 5
