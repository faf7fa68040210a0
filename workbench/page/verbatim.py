"""Text shown word for word, with a button that copies it: prompts, replies, commands, JSON."""

from html import escape

from workbench.page.places import without_folders

# Runs in the browser. Without the clipboard (a page served over plain http) the text is selected instead.
COPY_SCRIPT = """
element.addEventListener('click', async (event) => {
  const button = event.target.closest('button[data-copy]');
  if (!button) return;
  const text = button.closest('figure').querySelector('pre');
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(text.textContent);
    button.textContent = 'Copied';
  } else {
    getSelection().selectAllChildren(text);
    button.textContent = 'Selected';
  }
  setTimeout(() => { button.textContent = 'Copy'; }, 1500);
});
"""


def verbatim(title: str, text: str) -> str:
    """HTML of a titled text; the text is escaped."""
    return _figure(title, escape(without_folders(text)) or "(empty)")


def verbatim_command(title: str, command: str) -> str:
    """The same for a command, which breaks between its words and not after the dashes of an option."""
    return _figure(
        title, " ".join(f'<span class="vj-word">{escape(word)}</span>' for word in without_folders(command).split(" "))
    )


def _figure(title: str, html: str) -> str:
    name = escape(title)
    return (
        f'<figure class="vj-verbatim"><figcaption>{name}'
        f'<button type="button" data-copy aria-label="Copy: {name}">Copy</button></figcaption>'
        f'<pre class="vj-raw" tabindex="0" aria-label="{name}">{html}</pre></figure>'
    )
