section boot start=0 vstart=0x7c00
b: dw b, $
section second follows=boot vstart=0x8000 align=16
s: dw s, b
section third start=0x100
t: dw t, s, $$
section fourth vfollows=third align=32 valign=64
f: dw f, t
