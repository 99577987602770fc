(function () {
  "use strict";
  var SIZES = {P: 1e15, T: 1e12, G: 1e9, M: 1e6, k: 1e3, m: 1e-3};
  var FEW = 8; // rows that can be looked over without a filter

  // the number a cell begins with, in its base unit; NaN for words such as "not measured"
  function number(text) {
    var plain = text.replace(/[\u202f\u00a0]/g, "").replace(/\u2212/g, "-").replace("\u2265", "");
    var found = /^\s*([+-]?\d*\.?\d+)\s*([PTGMkm](?=[A-Z]|s\b|\b))?(h\b)?/.exec(plain);
    return found ? found[1] * (SIZES[found[2]] || 1) * (found[3] ? 3600 : 1) : NaN;
  }

  function words(row, column) {
    return row.cells[column] ? row.cells[column].textContent.trim() : "";
  }

  // unknown stays last, whichever way the others go
  function compare(column, numeric, way) {
    return function (a, b) {
      var one = words(a, column), other = words(b, column);
      if (numeric) {
        one = number(one);
        other = number(other);
        if (isNaN(one) || isNaN(other)) { return isNaN(one) - isNaN(other); }
      }
      return one < other ? -way : one > other ? way : 0;
    };
  }

  function rows(body) {
    return Array.prototype.filter.call(body.rows, function (row) {
      return row.className !== "setting";
    });
  }

  function sort(table, head) {
    var way = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
    var order = compare(head.cellIndex, head.classList.contains("number"), way);
    Array.prototype.forEach.call(table.tHead.rows[0].cells, function (each) {
      each.setAttribute("aria-sort", "none");
    });
    head.setAttribute("aria-sort", way === 1 ? "ascending" : "descending");
    Array.prototype.forEach.call(table.tBodies, function (body) {
      rows(body).sort(order).forEach(function (row) { body.appendChild(row); });
    });
  }

  function button(table, head) {
    var made = document.createElement("button");
    made.type = "button";
    while (head.firstChild) { made.appendChild(head.firstChild); }
    made.addEventListener("click", function () { sort(table, head); });
    head.appendChild(made);
    head.setAttribute("aria-sort", "none");
  }

  function filter(table, all) {
    var label = document.createElement("label"), input = document.createElement("input");
    var told = document.createElement("span"), region = table.parentNode;
    label.className = "filter";
    input.type = "search";
    told.setAttribute("role", "status");
    label.appendChild(document.createTextNode("Filter rows "));
    label.appendChild(input);
    input.addEventListener("input", function () {
      var asked = input.value.toLowerCase().split(/\s+/), count = 0;
      all.forEach(function (row) {
        var text = row.textContent.toLowerCase();
        row.hidden = !asked.every(function (word) { return text.indexOf(word) >= 0; });
        count += row.hidden ? 0 : 1;
      });
      told.textContent = input.value ? " " + count + " of " + all.length : "";
    });
    region.parentNode.insertBefore(label, region);
    label.parentNode.insertBefore(told, region);
    told.className = "filter";
  }

  Array.prototype.forEach.call(document.querySelectorAll("table[data-sort]"), function (table) {
    var all = [];
    if (table.querySelector("[rowspan]")) { return; } // sorting would tear its groups apart
    Array.prototype.forEach.call(table.tBodies, function (body) { all = all.concat(rows(body)); });
    if (all.length < 2) { return; }
    Array.prototype.forEach.call(table.tHead.rows[0].cells, function (head) {
      button(table, head);
    });
    if (all.length > FEW) { filter(table, all); }
  });
})();
