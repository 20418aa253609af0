bits 32
rep movsb
rep movsw
rep movsd
repe cmpsb
repne scasd
repz cmpsw
repnz scasw
rep stosd
lodsb
lodsd
es lodsw
rep insb
outsw
a16 rep movsb
fs rep lodsb
in al, 5
in ax, 5
in eax, dx
in al, dx
out 5, al
out 5, eax
out dx, ax
out dx, al
xlatb
xlat
es xlatb
bits 16
rep movsd
a32 rep movsb
a32 stosd
o32 in ax, dx
outsd
