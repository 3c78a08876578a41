/** Loaded before the program: its wall clock steps an hour ahead at SIGUSR2, and back at the next. Timers and the monotonic clock go on. */
const stepMs = 3_600_000;
const now = Date.now.bind(Date);
let aheadMs = 0;

process.on('SIGUSR2', () => {
  aheadMs = aheadMs === 0 ? stepMs : 0;
});
Date.now = () => now() + aheadMs;
globalThis.Date = new Proxy(Date, {
  construct: (target, args: unknown[], newTarget) =>
    Reflect.construct(target, args.length > 0 ? args : [Date.now()], newTarget) as object,
});
