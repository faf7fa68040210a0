// A frame sends the player of its tab to its second. A player that is out of sight comes along in a corner until its own
// place is in sight again, or it is put back. The corner is on the side of the verdict, away from the form and the frame.
(() => {
  const PUT_BACK = 'Put the player back';

  function bring(video, frame) {
    const box = video.closest('.block'), edge = video.getBoundingClientRect();
    if (box.classList.contains('vj-floating') || (edge.bottom > 60 && edge.top < innerHeight - 60)) return;
    const place = Object.assign(document.createElement('div'), {className: 'vj-player-place'});
    place.style.height = box.offsetHeight + 'px';
    const back = Object.assign(document.createElement('button'), {type: 'button', className: 'vj-put-back', textContent: '×'});
    back.setAttribute('aria-label', PUT_BACK);
    box.before(place);
    box.append(back);
    box.classList.add('vj-floating');
    box.classList.toggle('vj-above', frame.getBoundingClientRect().top > innerHeight / 2);
    const watch = new IntersectionObserver(([seen]) => seen.isIntersecting && home(), {threshold: 0.5});
    const home = () => { watch.disconnect(); place.remove(); back.remove(); box.classList.remove('vj-floating'); };
    back.addEventListener('click', home);
    setTimeout(() => watch.observe(place), 300);
  }

  document.addEventListener('click', (event) => {
    const frame = event.target.closest?.('button.vj-frame[data-seconds]');
    const video = frame?.closest("[role='tabpanel']")?.querySelector('video');
    if (!video) return;
    video.pause();
    video.currentTime = parseFloat(frame.dataset.seconds);
    bring(video, frame);
  });
})();
