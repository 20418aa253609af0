jmp short far_away ; wrong
times 200 nop
far_away: loop far_away
je far_away
jmp short $ - 150 ; wrong
