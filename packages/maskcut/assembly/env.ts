// asc: library
// What the host gives to kernels on shared memory: threads sleep and wake with its Atomics. With Node 20.20 a helper thread
// that had been in memory.atomic.wait32 was seen to wait at address 0 ever after.

/** Sleeps while the word is `old`, a second at most. */
export declare function sleep(at: usize, old: i32): void;

/** Wakes who sleeps on the word. */
export declare function wake(at: usize): void;
