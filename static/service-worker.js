// Makes the page installable, says so kindly when the server can't be reached, and lets a page that is open
// record even then (the browser fetches the worklet for each recording). It keeps the shell only: clips,
// answers and the page itself (it carries clips) always come from the server and are never stored.

const SHELL = ["/static/offline.html", "/static/style.css", "/static/fonts/fraunces-600.woff2", "/static/js/theme.js", "/static/js/capture-worklet.js"];
const CACHE = "shell-2";

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
  if (SHELL.includes(url.pathname)) event.respondWith(fetchShell(request));
  else if (request.mode === "navigate") event.respondWith(fetch(request).catch(() => caches.match("/static/offline.html")));
});
