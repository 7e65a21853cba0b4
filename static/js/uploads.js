// The queue: every recording and every file goes through here to the server, two at a time, in order.
// A sound is held until the server has it or the person gives it up.

import { problem, serverProblem } from "./messages.js";

const PARALLEL = 2;
const TRIES = 4; // when the server says it is busy
const LONGEST_WAIT = 60; // seconds

// Not crypto.randomUUID: pages that aren't secure have none, and uploading works there, too.
const someId = () => Date.now().toString(36) + Math.random().toString(36).slice(2);

const pause = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

/**
 * `dispatch`: the store's. `check(file)`: a problem or null. `keep`: see keep.js.
 * Sounds are {blob, name, source: "recording" | "upload", madeAt}.
 */
export function createUploads({ dispatch, client, check, keep, sleep = pause, newId = someId }) {
  const held = new Map();
  const waiting = [];
  let running = 0;

  async function send(id) {
    const { blob, name, source } = held.get(id);
    for (let attempt = 1; ; attempt++) {
      dispatch({ type: "job/sending", id });
      try {
        return await client.send(blob, { name, source, onProgress: (sent) => dispatch({ type: "job/progress", id, sent }) });
      } catch (error) {
        const busy = error.status === 503 || error.status === 429;
        if (!busy || attempt === TRIES) throw error;
        const seconds = Math.min(error.retryAfter ?? 2 ** attempt, LONGEST_WAIT);
        dispatch({ type: "job/paused", id, seconds });
        await sleep(seconds);
      }
    }
  }

  function fail(id, reason) {
    const sound = held.get(id);
    if (!sound) return; // given up meanwhile
    dispatch({ type: "job/failed", id, problem: reason });
    if (reason.ways.includes("resend")) keep.put({ id, ...sound });
  }

  /** {clip} as the server made it of this sound, or the {problem} that is against it. */
  async function hear(id) {
    const { blob, source } = held.get(id);
    const objection = source === "upload" && (await check(blob));
    if (objection) return { problem: objection };
    try {
      return { clip: await send(id) };
    } catch (error) {
      return { problem: serverProblem(error, source) };
    }
  }

  async function run(id) {
    const { clip, problem: objection } = await hear(id);
    if (objection) return fail(id, objection);
    if (clip.audio_url) held.delete(id); // a server without history gives nothing back to play
    keep.drop(id);
    dispatch({ type: "job/done", id, clip });
  }

  async function next() {
    if (running === PARALLEL || waiting.length === 0) return;
    running++;
    try {
      await run(waiting.shift());
    } finally {
      running--;
      next();
    }
  }

  function enqueue(id) {
    waiting.push(id);
    next();
  }

  function hold(id, sound) {
    held.set(id, sound);
    dispatch({ type: "job/added", job: { id, name: sound.name, source: sound.source, size: sound.blob.size, madeAt: sound.madeAt } });
  }

  return {
    /** Takes a sound into the queue and returns its job's id. */
    add(sound) {
      const id = newId();
      hold(id, sound);
      enqueue(id);
      return id;
    },
    resend: (id) => held.has(id) && !waiting.includes(id) && enqueue(id),
    /** {blob, name, source, madeAt} of a job that the server doesn't have, or undefined. */
    sound: (id) => held.get(id),
    /** Gives a job up: its sound is forgotten. */
    drop(id) {
      held.delete(id);
      keep.drop(id);
      dispatch({ type: "job/dropped", id });
    },
    /** Brings back what an earlier page couldn't send. */
    async restore() {
      for (const { id, ...sound } of await keep.all()) {
        hold(id, sound);
        dispatch({ type: "job/failed", id, problem: problem("kept") });
      }
    },
  };
}
