        dd name_descriptors, 24 * 256, run_descriptors, 0
        dd name_interrupts, GATE_VARIANTS * 128, run_interrupts, 0
        dd name_calls, GATE_VARIANTS * 128, run_calls, 0
        dd name_stacks, STACK_CASES, run_stacks, 0
        dd name_returns, RETURN_CASES, run_returns, 0
        dd name_v86, V86_CASES * 8, run_v86, 0
        dd name_paging, 8192, run_paging, 1
        dd name_flags, FLAG_CASES, run_flags, 0
        dd name_user, USER_CASES * 2, run_user, 0
        dd name_strings, STRING_CASES, run_strings, 1
        dd name_tasks, TASK_CASES, run_tasks, 0
        dd name_debug, DEBUG_CASES, run_debug, 0
