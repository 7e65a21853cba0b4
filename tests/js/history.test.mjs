import assert from "node:assert/strict";
import test from "node:test";
import { ApiError } from "../../static/js/client.js";
import { createHistory } from "../../static/js/history.js";
import { initialState, reduce } from "../../static/js/state.js";
import { createStore } from "../../static/js/store.js";
import { clip, config, later, settled } from "./help.mjs";

const memory = (items = {}) => ({ items, getItem: (key) => items[key] ?? null, setItem: (key, value) => void (items[key] = value) });

function page({ clips = ["3", "2", "1"].map((id) => clip(id)), next = "1", storage = memory(), lingers, ...answers } = {}) {
  const store = createStore(reduce, initialState(config({ clips, next })));
  const calls = [];
  const client = new Proxy({}, { get: (_, name) => async (...args) => (calls.push([name, ...args]), answers[name]?.(...args)) });
  return { store, calls, storage, history: createHistory({ store, client, storage, lingers }), ids: () => store.state.history.clips.map((one) => one.id) };
}

test("older clips are appended, once, and not asked for twice at a time", async () => {
  const world = page({ list: async () => ({ clips: [clip("1"), clip("0")], next: null }) });
  await Promise.all([world.history.more(), world.history.more()]);
  assert.deepEqual(world.ids(), ["3", "2", "1", "0"]);
  assert.equal(world.calls.length, 1);
  assert.equal(world.calls[0][1].before, "1");
  await world.history.more();
  assert.equal(world.calls.length, 1, "there is nothing older");
});

test("a search asks the server and replaces the list", async () => {
  const world = page({ list: async () => ({ clips: [clip("2")], next: null }) });
  await world.history.filter({ search: " door " });
  assert.deepEqual(world.calls[0][1], { emotion: "", search: "door", before: undefined });
  assert.deepEqual(world.ids(), ["2"]);
});

test("a slow answer to an old search doesn't replace a new one's", async () => {
  const gates = [later(), later()];
  let call = 0;
  const world = page({
    list(_, signal) {
      const gate = gates[call++];
      signal.addEventListener("abort", () => gate.reject(new ApiError("cancelled", "")));
      return gate.promise;
    },
  });
  const old = world.history.filter({ search: "a" });
  const fresh = world.history.filter({ search: "ab" });
  gates[0].resolve({ clips: [clip("9")], next: null });
  gates[1].resolve({ clips: [clip("2")], next: null });
  await Promise.all([old, fresh]);
  assert.deepEqual(world.ids(), ["2"]);
  assert.equal(world.store.state.history.problem, null);
});

test("a list that can't be loaded says so, keeps what there is, and can be asked again", async () => {
  let up = false;
  const world = page({ async list() { if (!up) throw new ApiError("network", ""); return { clips: [clip("0")], next: null }; } });
  await world.history.more();
  assert.match(world.store.state.history.problem, /can't be reached/);
  assert.equal(world.ids().length, 3);
  up = true;
  await world.history.more();
  assert.deepEqual([world.store.state.history.problem, world.ids().length], [null, 4]);
});

test("a deletion waits for its undo time, then goes to the server", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const world = page();
  world.history.remove("2");
  assert.deepEqual(world.store.state.history.leaving, ["2"]);
  context.mock.timers.tick(7999);
  await settled();
  assert.equal(world.calls.length, 0);
  context.mock.timers.tick(1);
  await settled();
  assert.deepEqual(world.calls, [["remove", "2"]]);
  assert.deepEqual(world.ids(), ["3", "1"]);
  assert.equal(world.storage.items.owed, "{}");
});

test("undo takes it back: the server never hears of it", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const world = page();
  world.history.remove("2");
  world.history.undo("2");
  context.mock.timers.tick(60000);
  await settled();
  assert.equal(world.calls.length, 0);
  assert.deepEqual([world.ids(), world.store.state.history.leaving, world.storage.items.owed], [["3", "2", "1"], [], "{}"]);
});

test("who is still on Undo gets more time, but not for ever", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const world = page({ lingers: () => true });
  world.history.remove("2");
  context.mock.timers.tick(8000);
  await settled();
  assert.equal(world.calls.length, 0);
  for (let i = 0; i < 3; i++) context.mock.timers.tick(8000);
  await settled();
  assert.deepEqual(world.calls, [["remove", "2"]]);
});

test("a page that is left deletes at once, and what that misses the next page settles when it is due", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout", "Date"] });
  const storage = memory();
  const world = page({ storage });
  world.history.remove("2");
  world.history.leave();
  assert.deepEqual(world.calls, [["remove", "2", true]]);
  const owed = { ...storage.items }; // as it is when the page is gone
  for (const wait of [9000, 0]) {
    const items = { ...owed };
    const after = page({ storage: memory(items) });
    after.history.settleOwed();
    assert.deepEqual(after.ids(), ["3", "1"]);
    context.mock.timers.tick(wait);
    await settled();
    assert.deepEqual(after.calls, [["remove", "2"]]);
    assert.equal(items.owed, "{}");
  }
});

test("a second page doesn't carry out what the first may still take back", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout", "Date"] });
  const storage = memory();
  const first = page({ storage });
  const list = async () => ({ clips: [clip("3"), clip("2"), clip("1")], next: null });
  first.history.remove("2");
  context.mock.timers.tick(4000);
  const second = page({ storage, list });
  second.history.settleOwed();
  assert.deepEqual(second.ids(), ["3", "1"]);
  context.mock.timers.tick(3000);
  second.history.leave();
  first.history.undo("2");
  context.mock.timers.tick(60000);
  await settled();
  assert.deepEqual(first.calls, []);
  assert.deepEqual(second.calls.map(([name]) => name), ["list"], "it looks what became of it");
  assert.deepEqual(second.ids(), ["3", "2", "1"]);
});

test("a second page waits for who is still on Undo in the first", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout", "Date"] });
  const storage = memory();
  const first = page({ storage, lingers: () => true });
  first.history.remove("2");
  const second = page({ storage });
  second.history.settleOwed();
  for (let i = 0; i < 31; i++) context.mock.timers.tick(1000);
  await settled();
  assert.deepEqual([...first.calls, ...second.calls], []);
  context.mock.timers.tick(1000);
  await settled();
  context.mock.timers.tick(10000);
  await settled();
  assert.deepEqual(first.calls, [["remove", "2"]]);
});

test("a clip that is gone already is gone; one that can't be deleted comes back and says so", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  for (const [error, left] of [[new ApiError("not_found", "x", 404), ["3", "1"]], [new ApiError("network", ""), ["3", "2", "1"]]]) {
    const world = page({ async remove() { throw error; } });
    world.history.remove("2");
    context.mock.timers.tick(8000);
    await settled();
    assert.deepEqual(world.ids(), left);
    assert.deepEqual(world.store.state.history.leaving, []);
    assert.equal(Boolean(world.store.state.history.problem), left.length === 3);
  }
});

test("deleting all empties the list and ends every waiting deletion", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const world = page();
  world.history.remove("2");
  await world.history.removeAll();
  context.mock.timers.tick(60000);
  await settled();
  assert.deepEqual(world.calls, [["removeAll"]]);
  assert.deepEqual(world.ids(), []);
});

test("without storage deleting still works", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const world = page({ storage: null });
  world.history.remove("2");
  context.mock.timers.tick(8000);
  await settled();
  assert.deepEqual(world.ids(), ["3", "1"]);
});
