bits 32
lgdt [eax]
lidt [eax]
sgdt [eax]
sidt [5]
o16 lgdt [eax]
lldt ax
lldt [eax]
ltr bx
ltr [ebx]
sldt ax
sldt eax
sldt [eax]
str cx
str [eax]
smsw ax
smsw eax
lmsw ax
lmsw [eax]
verr ax
verw [ebx]
lar eax, bx
lar ax, bx
lar eax, ebx
lsl eax, [ebx]
lsl ax, bx
arpl ax, bx
arpl [ebx], cx
bound eax, [ebx]
bound ax, [ebx]
invlpg [eax]
clts
invd
wbinvd
wrmsr
rdmsr
rdtsc
rdpmc
sysenter
sysexit
cpuid
rsm
hlt
cli
sti
clc
stc
cmc
cld
std
pause
nop
nop eax
nop word [eax]
wait
fwait
ud2
lahf
sahf
salc
cbw
cwde
cwd
cdq
daa
das
aaa
aas
aam
aam 5
aad
aad 16
lds eax, [ebx]
les ax, [ebx]
lss esp, [ebx]
lfs eax, [ebx]
lgs ecx, [ebx]
