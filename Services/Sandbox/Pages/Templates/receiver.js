// Shows what comes while one looks. Without it, loading the page again does the same.
const rows = document.getElementById("received");
const live = document.getElementById("live");
const source = new EventSource("/receiver/live");

source.onopen = () => { live.hidden = false; live.textContent = "live"; live.className = "chip good"; };
source.onerror = () => { live.textContent = "not connected"; live.className = "chip warn"; };
source.onmessage = (message) => {
  document.getElementById("nothing")?.remove();
  rows.insertAdjacentHTML("afterbegin", message.data);
  rows.firstElementChild?.classList.add("new");
  while (rows.rows.length > 200) rows.deleteRow(-1);
};
