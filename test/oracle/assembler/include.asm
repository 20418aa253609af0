%include "include/one.inc"
%include 'include/two.inc'
dw from_one, from_two
included 5
