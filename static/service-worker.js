// Makes the page installable, says so kindly when the server can't be reached, and lets a page that is open
// record even then (the browser fetches the worklet for each recording). It keeps the shell only: clips,
// answers and the page itself (it carries clips) always come from the server and are never stored.

const SHELL = ["/offline", "/static/style.css", "/static/fonts/fraunces-600.woff2", "/static/js/theme.js", "/static/js/capture-worklet.js"];
const CACHE = "shell-4";

addEventListener("install", (event) => {
  // Calls don't pass through here where the browser lets us say so: they are faster, and outlive their page.
  event.addRoutes?.({ condition: { urlPattern: { pathname: "/api/*" } }, source: "network" })?.catch(() => {});
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(SHELL)));
});

addEventListener("activate", (event) =>
  event.waitUntil(
    Promise.all([
      clients.claim(), // the page that is open, too
      caches.keys().then((names) => Promise.all(names.filter((name) => name !== CACHE).map((name) => caches.delete(name)))),
    ]),
  ),
);

/** The page in another language than before: what is shown off line changes with it. */
async function followLanguage(page) {
  const cache = await caches.open(CACHE);
  const kept = await cache.match("/offline", { ignoreVary: true });
  if (kept?.headers.get("Content-Language") !== page.headers.get("Content-Language")) await cache.add("/offline");
}

async function fetchPage(event) {
  try {
    const response = await fetch(event.request);
    if (new URL(event.request.url).pathname === "/") event.waitUntil(followLanguage(response).catch(() => {}));
    return response;
  } catch {
    return caches.match("/offline", { ignoreVary: true });
  }
}

async function fetchShell(request) {
  try {
    const response = await fetch(request);
    if (response.ok) (await caches.open(CACHE)).put(request, response.clone());
    return response;
  } catch {
    return caches.match(request);
  }
}

addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== location.origin) return;
  if (request.mode === "navigate") event.respondWith(fetchPage(event));
  else if (SHELL.includes(url.pathname) || url.pathname.startsWith("/static/fonts/")) event.respondWith(fetchShell(request));
});
