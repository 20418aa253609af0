%foo ; wrong
%endif ; wrong
%else ; wrong
%endmacro ; wrong
%endrep ; wrong
%rotate 1 ; wrong
%define ; wrong
%macro ; wrong
%endmacro
%include "no-such-file.inc" ; wrong
%error this is wrong ; wrong
%pop ; wrong
%exitrep ; wrong
%assign x y ; wrong
%if 1 + ; wrong
%endif
%strlen a 5 ; wrong
