// Marks what a step of the tour is about; with nothing to point at, takes the marks away.
window.vjPoint = (selector) => {
  document.querySelectorAll('.vj-pointed').forEach((one) => one.classList.remove('vj-pointed'));
  if (selector) document.querySelectorAll(selector).forEach((one) => one.classList.add('vj-pointed'));
};
