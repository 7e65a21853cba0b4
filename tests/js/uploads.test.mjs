import assert from "node:assert/strict";
import test from "node:test";
import { ApiError } from "../../static/js/client.js";
import { problem } from "../../static/js/messages.js";
import { createUploads } from "../../static/js/uploads.js";
import { clip, later, settled } from "./help.mjs";

const sound = (name, source = "upload") => ({ blob: { size: 10 }, name, source, madeAt: "2026-03-05T10:00:00Z" });

/** `send(name)` answers for the server; what happened is in events, kept and slept. */
function queue({ send = async (name) => clip(name), check = async () => null, left = [] } = {}) {
  const world = { events: [], kept: new Map(), slept: [], sending: 0, most: 0 };
  let ids = 0;
  const client = {
    async send(_, { name, onProgress }) {
      world.most = Math.max(world.most, ++world.sending);
      onProgress(1);
      try {
        return await send(name);
      } finally {
        world.sending--;
      }
    },
  };
  world.uploads = createUploads({
    dispatch: (event) => world.events.push(event),
    client,
    check,
    keep: { put: ({ id, ...rest }) => world.kept.set(id, rest), drop: (id) => world.kept.delete(id), all: async () => left },
    sleep: async (seconds) => void world.slept.push(seconds),
    newId: () => `job${++ids}`,
  });
  world.types = (id) => world.events.filter((event) => event.id === id && event.type !== "job/progress").map((event) => event.type);
  return world;
}

test("ten files go two at a time, in order, each to its own result", async () => {
  const gates = Array.from({ length: 10 }, later);
  const order = [];
  const world = queue({ send: async (name) => (order.push(name), await gates[name].promise, clip(name)) });
  for (let i = 0; i < 10; i++) world.uploads.add(sound(String(i)));
  for (const gate of gates) {
    await settled(3);
    gate.resolve();
  }
  await settled();
  assert.deepEqual(order, ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
  assert.equal(world.most, 2);
  assert.equal(world.events.filter((event) => event.type === "job/done").length, 10);
});

test("a failure stops its own file only", async () => {
  const world = queue({ send: async (name) => { if (name === "bad") throw new ApiError("unreadable_audio", "No audio.", 415); return clip(name); } });
  const bad = world.uploads.add(sound("bad"));
  const good = world.uploads.add(sound("good"));
  await settled();
  assert.deepEqual(world.types(bad), ["job/sending", "job/failed"]);
  assert.deepEqual(world.types(good), ["job/sending", "job/done"]);
  assert.equal(world.events.find((event) => event.type === "job/failed").problem.text, "No audio.");
});

test("a file that is refused here is never sent; a recording isn't checked", async () => {
  const world = queue({ check: async () => problem("empty_file"), send: async (name) => clip(name) });
  const file = world.uploads.add(sound("a"));
  const recording = world.uploads.add(sound("b", "recording"));
  await settled();
  assert.deepEqual(world.types(file), ["job/failed"]);
  assert.deepEqual(world.types(recording), ["job/sending", "job/done"]);
});

test("a busy server is asked again when it said, and not for ever", async () => {
  for (const status of [429, 503]) {
    let calls = 0;
    const world = queue({ send: async () => { calls++; throw new ApiError("overloaded", "Busy.", status, 7); } });
    const id = world.uploads.add(sound("a"));
    await settled();
    assert.equal(calls, 4);
    assert.deepEqual(world.slept, [7, 7, 7]);
    assert.equal(world.types(id).at(-1), "job/failed");
    assert.ok(world.events.at(-1).problem.ways.includes("resend"));
  }
});

test("without a hint the pauses grow, and no hint is followed for long", async () => {
  let calls = 0;
  const hints = [null, null, 9999];
  const world = queue({ send: async () => { if (calls < 3) throw new ApiError("overloaded", "Busy.", 503, hints[calls++]); return clip("1"); } });
  const id = world.uploads.add(sound("a"));
  await settled();
  assert.deepEqual(world.slept, [2, 4, 60]);
  assert.equal(world.types(id).at(-1), "job/done");
});

test("a clip that doesn't get through is kept, sent again on demand, and then forgotten", async () => {
  let up = false;
  const world = queue({ send: async (name) => { if (!up) throw new ApiError("network", ""); return clip(name); } });
  const id = world.uploads.add(sound("r", "recording"));
  await settled();
  assert.deepEqual(world.events.at(-1).problem.ways, ["resend", "save"]);
  assert.equal(world.kept.get(id).name, "r");
  assert.equal(world.uploads.sound(id).name, "r");
  up = true;
  world.uploads.resend(id);
  await settled();
  assert.equal(world.types(id).at(-1), "job/done");
  assert.equal(world.kept.size, 0);
  assert.equal(world.uploads.sound(id), undefined);
});

test("what an earlier page couldn't send is offered again", async () => {
  const world = queue({ left: [{ id: "old", ...sound("r", "recording") }] });
  await world.uploads.restore();
  assert.deepEqual(world.events.map((event) => event.type), ["job/added", "job/failed"]);
  world.uploads.resend("old");
  await settled();
  assert.equal(world.types("old").at(-1), "job/done");
});

test("a job that is given up is forgotten, also while it is on its way", async () => {
  const gate = later();
  const world = queue({ send: () => gate.promise });
  const id = world.uploads.add(sound("a"));
  await settled();
  world.uploads.drop(id);
  gate.reject(new ApiError("network", ""));
  await settled();
  assert.equal(world.types(id).at(-1), "job/dropped");
  assert.equal(world.kept.size, 0);
  world.uploads.resend(id);
  await settled();
  assert.equal(world.types(id).at(-1), "job/dropped");
});

test("where the server keeps no history, the page keeps the sound for replay", async () => {
  const world = queue({ send: async () => clip("1", { audio_url: null }) });
  const id = world.uploads.add(sound("a"));
  await settled();
  assert.equal(world.uploads.sound(id).name, "a");
});
