// Clips that didn't reach the server outlive a reload in this browser (IndexedDB). Where that is blocked
// (private windows), they live as long as the page.

const open = (indexedDB) =>
  new Promise((resolve, reject) => {
    const request = indexedDB.open("unsent", 1);
    request.onupgradeneeded = () => request.result.createObjectStore("clips", { keyPath: "id" });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

/** {put(clip), drop(id), all()}; a clip is {id, blob, name, source, madeAt}. No call ever rejects. */
export function createKeep(indexedDB) {
  async function run(mode, work, otherwise) {
    try {
      const database = await open(indexedDB);
      try {
        return await new Promise((resolve, reject) => {
          const request = work(database.transaction("clips", mode).objectStore("clips"));
          request.onsuccess = () => resolve(request.result);
          request.onerror = () => reject(request.error);
        });
      } finally {
        database.close();
      }
    } catch {
      return otherwise;
    }
  }
  return {
    put: (clip) => run("readwrite", (store) => store.put(clip)),
    drop: (id) => run("readwrite", (store) => store.delete(id)),
    all: () => run("readonly", (store) => store.getAll(), []),
  };
}
