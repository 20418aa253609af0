/**
 * The host's half of the protocol of guest.asm, in the measured process: the same code times both sides. The parent process
 * sends `{ job }` once and then `{ work: { index, amount } }`; each is answered by `{ result }` or `{ error }`.
 */

const WORK_LIMIT_MILLISECONDS = 180_000;
const START_LIMIT_MILLISECONDS = 30_000;

/**
 * Runs work on a guest. The side gives
 *   start(receive)  starts the guest; `receive(byte, time)` is to be called for each byte of port 0xE9; resolves when it runs
 *   send(bytes)     puts bytes into COM1
 *   go(), rest()    lets the guest run; stops it, so that it takes no time from the other side
 *   instructions()  retired so far, of a guest at rest; undefined where the side does not count
 *   broken          a promise that rejects when the guest cannot go on
 */
function createSession(side) {
  let waiting;

  function receive(byte, time) {
    const character = String.fromCharCode(byte);
    if (waiting === undefined) throw new Error(`The guest said "${character}" and was not asked.`);
    if (character === 'R') waiting.resolve();
    else if (character === 'S') waiting.started = time;
    else if (character === 'E') waiting.ended = time;
    else if (character !== '\n') waiting.checksum += character;
    else waiting.resolve({ seconds: (waiting.ended - waiting.started) / 1000, checksum: waiting.checksum });
  }

  async function answer(milliseconds, what) {
    let timer;
    const answered = new Promise((resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`${what} did not end within ${milliseconds / 1000} s.`)), milliseconds);
      waiting = { resolve, checksum: '', started: undefined, ended: undefined };
    });
    try {
      return await Promise.race([answered, side.broken]);
    } finally {
      clearTimeout(timer);
      waiting = undefined;
    }
  }

  return {
    async start() {
      const ready = answer(START_LIMIT_MILLISECONDS, 'The start of the guest');
      await side.start(receive);
      await ready;
      await side.rest();
    },
    async work({ index, amount }) {
      const before = await side.instructions();
      const done = answer(WORK_LIMIT_MILLISECONDS, `Row ${index} of the guest`);
      await side.go();
      side.send(commandOf(index, amount));
      const result = await done;
      await side.rest();
      const after = await side.instructions();
      return before === undefined ? result : { ...result, instructions: after - before };
    },
  };
}

function commandOf(index, amount) {
  const bytes = new Uint8Array(5);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, index);
  view.setUint32(1, amount, true);
  return bytes;
}

/** Serves the parent process with the side that `make(job)` gives. */
export function serveParent(make) {
  let session;
  process.on('message', async ({ job, work }) => {
    try {
      if (job) {
        session = createSession(await make(job));
        process.send({ result: await session.start() });
      } else {
        process.send({ result: await session.work(work) });
      }
    } catch (error) {
      process.send({ error: error.message }, () => process.exit(1));
    }
  });
  process.on('disconnect', () => process.exit(0));
}
