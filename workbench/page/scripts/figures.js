// Every figure gets a name for screen readers and buttons that save it as a picture, or the numbers behind it as CSV.
(() => {
  const INK = '#171b22';  // saved pictures are for paper: dark on white, whatever the page looks like
  const plain = (html) => new DOMParser().parseFromString(String(html).replace(/<br\s*\/?>/g, ' · '), 'text/html').body.textContent.trim();

  function titleOf(plot) {
    const title = plot.layout.meta?.title || plot.layout.title?.text;
    const above = (plot.layout.annotations || []).map((note) => note.text);
    return plain(title || above.join(', ') || 'Figure').slice(0, 300);
  }

  // One row a mark: what it belongs to, where it is, its value, its interval, and what is written at it.
  function rowsOf(plot) {
    const rows = [];
    for (const trace of plot._fullData.filter((one) => one.visible === true && one.hoverinfo !== 'skip')) {
      // What is measured stands before what is said of it: "rating; expected 3.8".
      const axis = (letter) => plain(plot.layout[trace[letter + 'axis']?.replace(letter, letter + 'axis')]?.title?.text || '');
      const names = {x: axis('x').split(/[;,]/)[0] || 'x', y: axis('y').split(/[;,]/)[0] || 'y'};
      const series = /^trace \d+$/.test(trace.name || '') ? '' : plain(trace.name || '');
      const row = (x, y, rest) => rows.push({series, [names.x]: x, [names.y]: y, ...rest});
      const said = (text) => (text === undefined || text === null || text === '' ? '' : plain(text));
      if (trace.type === 'heatmap') {
        trace.z.forEach((line, i) => line.forEach((value, j) => row(trace.x[j], trace.y[i], {value, label: said(trace.text?.[i]?.[j])})));
        continue;
      }
      const count = Math.max(trace.x?.length || 0, trace.y?.length || 0);
      for (let i = 0; i < count; i++) {
        const written = [trace.hovertext, trace.text].map((text) => said(Array.isArray(text) ? text[i] : text)).filter(Boolean);
        row(trace.x?.[i], trace.y?.[i], {...interval(trace, i), label: [...new Set(written)].join(' · ')});
      }
    }
    return rows;
  }

  function interval(trace, i) {
    for (const letter of ['x', 'y']) {
      const bars = trace['error_' + letter], value = trace[letter]?.[i];
      if (bars?.visible && bars.array) return {low: value - (bars.arrayminus || bars.array)[i], high: value + bars.array[i]};
    }
    return {};
  }

  const cell = (value) => {
    if (value === undefined || value === null) return '';
    let text = String(value);
    if (typeof value !== 'number' && /^[=+\-@\t\r]/.test(text)) text = "'" + text;  // a sheet must not run it
    return /[",\n\r]/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text;
  };

  function csvOf(plot) {
    const rows = rowsOf(plot), columns = [...new Set(rows.flatMap(Object.keys))];
    const used = columns.filter((name) => rows.some((row) => cell(row[name]) !== ''));
    return [used, ...rows.map((row) => used.map((name) => row[name]))].map((line) => line.map(cell).join(',')).join('\r\n') + '\r\n';
  }

  async function save(plot, format) {
    const name = (titleOf(plot).toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-|-$/g, '').slice(0, 60) || 'figure') + '.' + format;
    let address;
    if (format === 'csv') {
      address = URL.createObjectURL(new Blob(['\ufeff', csvOf(plot)], {type: 'text/csv'}));
    } else {
      const layout = {...plot.layout, paper_bgcolor: '#ffffff', plot_bgcolor: '#ffffff', font: {...plot.layout.font, color: INK}};
      address = await Plotly.toImage({data: plot.data, layout}, {format, width: plot.clientWidth, height: plot.clientHeight, scale: format === 'png' ? 2 : 1});
    }
    const link = Object.assign(document.createElement('a'), {href: address, download: name});
    link.click();
  }

  const BUTTONS = {png: 'PNG', svg: 'SVG', csv: 'Data'};
  function furnish() {
    for (const plot of document.querySelectorAll('.vj-figure .js-plotly-plot')) {
      if (!plot._fullData) continue;
      const title = titleOf(plot), box = plot.closest('.vj-figure');
      if (plot.getAttribute('aria-label') !== title) { plot.setAttribute('role', 'img'); plot.setAttribute('aria-label', title); }
      box.classList.toggle('vj-nothing', !plot._fullData.length);
      if (box.querySelector('.vj-save')) continue;
      const tools = Object.assign(document.createElement('div'), {className: 'vj-save'});
      tools.setAttribute('role', 'group');
      tools.setAttribute('aria-label', 'Save this figure');
      for (const [format, word] of Object.entries(BUTTONS)) {
        const button = Object.assign(document.createElement('button'), {type: 'button', textContent: word});
        button.dataset.save = format;
        button.setAttribute('aria-label', format === 'csv' ? 'Data of this figure as a CSV file' : `This figure as ${word} picture`);
        tools.append(button);
      }
      box.append(tools);
    }
  }

  document.addEventListener('click', (event) => {
    const button = event.target.closest?.('button[data-save]');
    const plot = button?.closest('.vj-figure').querySelector('.js-plotly-plot');
    if (plot) save(plot, button.dataset.save);
  });
  setInterval(furnish, 600);
})();
