; The guest in motion, at the size of a usual screen.
%define WIDTH 1920
%define HEIGHT 1080
%include "motion.asm"
