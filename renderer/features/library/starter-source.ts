/** What a new source of one's own begins with. */
export const STARTER_SOURCE = `; Runs in real mode at 0x7c00. Says one line and waits.
        bits    16
        org     0x7c00

start:  xor     ax, ax
        mov     ds, ax
        mov     ax, 0xb800
        mov     es, ax
        mov     si, text
        xor     di, di
        mov     ah, 0x0f
.next:  lodsb
        test    al, al
        jz      .wait
        stosw
        jmp     .next
.wait:  hlt
        jmp     .wait

text:   db      "Hello from my own machine", 0
        times   510 - ($ - $$) db 0
        dw      0xaa55
`;
