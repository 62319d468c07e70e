// Shows what the service finds while one types; without this file the form still works.
const box = document.getElementById("text");
const list = document.getElementById("results");
let latest = 0;

function shown(entry) {
  const title = document.createElement("strong");
  title.textContent = entry.title;
  const rest = document.createElement("span");
  rest.textContent = [entry.release_year, ...entry.genres.slice(0, 2)].filter(Boolean).join(" · ");
  const item = document.createElement("li");
  item.append(title, rest);
  return item;
}

box.addEventListener("input", async () => {
  const asked = ++latest;
  const body = JSON.stringify({ user_id: box.dataset.user, text: box.value.slice(0, 200), k: 10 });
  const response = await fetch("/v1/search", { method: "POST", body });
  const answer = response.ok ? await response.json() : { results: [] };
  if (asked === latest) {
    list.replaceChildren(...answer.results.map(shown));
    list.hidden = answer.results.length === 0;
  }
});
