// The page's address names what is on it (?tab=, ?verdict=, ?run=), so that it can be kept, shared and opened again.
(() => {
  const OF = {judge: 'verdict', runs: 'run'};  // what is opened inside a tab

  let begun = false;

  // Says in the address what is shown now; a tab does not take away what is open in it, nor does the first tab as the page
  // comes up, before the address is read.
  window.vjAddress = (kind, name) => {
    const coming = !begun && kind === 'tab' && name === 'judge';
    begun = true;
    if (coming) return;
    const address = new URL(location.href), open = kind === 'tab' && OF[name];
    if (open && address.searchParams.has(open)) return;
    for (const other of ['tab', 'verdict', 'run']) address.searchParams.delete(other);
    if (kind !== 'tab' || name !== 'judge') address.searchParams.set(kind, name);
    history.replaceState(history.state, '', address);
  };

  // The verdict on the page, as its own link names it.
  window.vjShownVerdict = () => {
    const link = document.querySelector('#vj-result [data-verdict]');
    if (link) window.vjAddress('verdict', link.dataset.verdict);
  };

  document.addEventListener('click', async (event) => {
    const button = event.target.closest?.('button[data-verdict]');
    if (!button) return;
    const address = new URL(location.pathname, location.origin);
    address.searchParams.set('verdict', button.dataset.verdict);
    if (navigator.clipboard) {
      await navigator.clipboard.writeText(address.href);
      const alone = document.querySelector('.vj-theirs');  // a page for several people: what is theirs opens for them
      button.textContent = alone ? 'Link copied: it opens in this browser alone' : 'Link copied';
      setTimeout(() => { button.textContent = 'Copy link'; }, alone ? 4000 : 1500);
    } else {
      window.vjAddress('verdict', button.dataset.verdict);
      button.textContent = 'The link is in the address bar';
    }
  });
})();
