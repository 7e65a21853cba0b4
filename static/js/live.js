// Live mode: microphone -> WebSocket -> updates. docs/stream.md describes the messages.

import { problem, SAYS } from "./messages.js";
import { pcm } from "./wav.js";

const FRAME_SECONDS = 0.1;
const BEHIND_SECONDS = 1; // of sound that waits to be sent; what is more is skipped instead of lagging
const PAUSES = [1, 2, 4, 8, 8]; // seconds before each try to connect again
const FOR_NOW = ["going_away", "overloaded"]; // ends that are worth another try

/** `listen` is recorder.js's; `open()` gives a WebSocket; `now` tells ms; `sleep(seconds)` a promise. */
export function createLive({ dispatch, listen, open, now, sleep }) {
  let cancel = null; // while live mode runs
  let socket = null;
  let rate = 0;
  let waiting = []; // samples for the next frame
  let tries = 0; // to connect again

  const live = {
    meter: null,
    async start() {
      if (cancel) return;
      const running = (cancel = new AbortController());
      tries = 0;
      dispatch({ type: "live/asking" });
      try {
        await listen({ cancel: running.signal, onStart, onSound });
      } catch (error) {
        if (running === cancel) finish({ type: "live/failed", text: problem(error.code ?? "recording_failed").text });
      }
    },
    stop: () => cancel && finish({ type: "live/stopped" }),
    /** The page goes out of sight: nobody is listened to unseen. */
    leave: () => cancel && finish({ type: "live/stopped", hidden: true }),
  };

  function onStart(meter, given) {
    if (!cancel) return; // stopped a moment ago
    live.meter = meter;
    rate = given;
    connect();
  }

  function onSound(block) {
    waiting.push(...block);
    if (waiting.length < rate * FRAME_SECONDS) return;
    const frame = pcm(waiting);
    waiting = [];
    if (socket?.ready && socket.bufferedAmount < BEHIND_SECONDS * rate * 2) socket.send(frame);
  }

  function connect() {
    const here = (socket = open());
    let end = null;
    dispatch({ type: "live/connecting" });
    here.onopen = () => here.send(JSON.stringify({ type: "config", sample_rate: rate }));
    here.onmessage = ({ data }) => {
      if (here !== socket) return; // of a connection that was given up
      const message = JSON.parse(data);
      if (message.type === "closing") end = message;
      else take(message, here);
    };
    here.onclose = () => here === socket && over(end);
  }

  function take(message, here) {
    if (message.type === "ready" && message.sample_rate === rate) {
      here.ready = true;
      dispatch({ type: "live/on", voice: message.voice });
    } else if (message.type === "update") {
      tries = 0;
      dispatch({ type: "live/update", update: message, at: now() });
    } else if (message.type === "rate_limited") {
      dispatch({ type: "live/limited" });
    }
  }

  async function over(end) {
    socket = null;
    if (end && !FOR_NOW.includes(end.code)) return finish({ type: "live/ended", reason: end });
    const running = cancel;
    if (tries === PAUSES.length) return finish({ type: "live/failed", text: end ? end.message : SAYS.liveAway });
    const seconds = PAUSES[tries++];
    dispatch({ type: "live/again", seconds });
    await sleep(seconds);
    if (running === cancel) connect();
  }

  function finish(event) {
    if (!cancel) return; // it ended in another way already
    const running = cancel;
    const last = socket;
    cancel = socket = live.meter = null;
    waiting = [];
    last?.close();
    dispatch(event);
    running.abort();
  }
  return live;
}
