"""Early-bird searches: distances until the ticket was drawn."""
from reports import distance_plot, markup, rows

TITLE = "Early-bird search"
ORDER = 40
CAPTION = ("Each line is a seed: how far a state of the network is from those before it, the value "
           "the detector holds against its threshold. The diamond is the drawn ticket.")


def render(report):
    """One figure per method that searched."""
    figures = [figure for number, (_, method) in enumerate(report.methods.iterrows())
               for figure in _figure(report, method, "distance-{}".format(number))]
    if not figures:
        return ""
    return markup.render("figures.html", figures=figures, caption=CAPTION, kind="wide")


def _figure(report, method, identity):
    searches = [(record.case["train"]["seed"], rows.ticket(record))
                for record in report.of(method) if record.ticket]
    drawing = distance_plot.draw(identity, method["name"], searches,
                                 report.series(method["label"]))
    if drawing:
        heading = report.heading(method["block"])
        yield " · ".join(filter(None, (method["name"], searches[0][1].detector, heading))), drawing
