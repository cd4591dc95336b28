// Shows the rehearsal below the form that asked for it, which so keeps the file that was chosen.
// Without this script the page comes back as a whole, and the file has to be chosen once more.
document.querySelectorAll("form[data-rehearsed]").forEach((form) => {
  form.addEventListener("submit", async (event) => {
    const button = event.submitter;
    if (!button || button.value !== "rehearse") return;
    event.preventDefault();
    const place = () => form.querySelector("#rehearsal");
    const body = new FormData(form);
    body.set("step", "rehearse");
    button.disabled = true;
    place().textContent = place().dataset.waiting;
    try {
      const answer = await fetch(form.action, { method: "POST", body });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const found = page.querySelector("#rehearsal");
      if (!found) throw new Error(answer.statusText);
      found.querySelectorAll("[data-without-script]").forEach((each) => each.remove());
      place().replaceWith(found);
      found.focus();
    } catch (error) {
      place().textContent = `${place().dataset.failed} ${error.message}`;
    } finally {
      button.disabled = false;
    }
  });
  // What was rehearsed is no longer what the form says.
  form.addEventListener("change", () => form.querySelectorAll("#rehearsal button").forEach((each) => {
    each.disabled = true;
  }));
});
