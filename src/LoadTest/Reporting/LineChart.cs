using System.Globalization;
using System.Text;

namespace MailCluster.LoadTest.Reporting;

/// <param name="Style">0 to 7: a colour of the page.</param>
/// <param name="Points">NaN as y: a gap.</param>
internal sealed record ChartSeries(string Name, int Style, IReadOnlyList<(double X, double Y)> Points);

/// <summary>Draws series as SVG: axes with round numbers, linear or by powers of ten.</summary>
internal sealed class LineChart
{
    private const int Width = 1040;
    private const int Height = 260;
    private const int Left = 64;
    private const int Right = 12;
    private const int Top = 10;
    private const int Bottom = 34;

    /// <summary>Beyond these the points of a series are thinned, each group by its greatest.</summary>
    private const int PointsMax = 1200;

    /// <summary>Of the svg element.</summary>
    public required string Id { get; init; }

    public required string XTitle { get; init; }

    public required string YTitle { get; init; }

    /// <summary>y by powers of ten.</summary>
    public bool IsLogarithmic { get; init; }

    /// <summary>Where x has its marks and what they are called; null: round numbers.</summary>
    public IReadOnlyList<(double X, string Text)>? XMarks { get; init; }

    /// <summary>Where the axis of x ends at least.</summary>
    public double XMost { get; init; } = 1;

    /// <summary>Upright lines for what happened.</summary>
    public IReadOnlyList<(double At, string Text)> Events { get; init; } = [];

    public void Draw(StringBuilder page, IReadOnlyList<ChartSeries> series)
    {
        page.Append("<div class=\"legend\">");
        foreach (var one in series)
        {
            page.Append(CultureInfo.InvariantCulture, $"<span><i class=\"b{one.Style}\"></i>{Html.Text(one.Name)}</span>");
        }

        page.Append("</div>");
        var points = series.SelectMany(one => one.Points).Where(point => !double.IsNaN(point.Y)).ToArray();
        var xMost = Math.Max(
            points.Length == 0 ? 1 : points.Max(point => point.X), XMarks?.Max(mark => mark.X) ?? XMost);
        var yMost = points.Length == 0 ? 1 : Math.Max(points.Max(point => point.Y), 0.001);
        var (low, high, marks) = IsLogarithmic
            ? Powers(points.Select(point => point.Y).Where(y => y > 0).DefaultIfEmpty(1).Min(), yMost)
            : Round(yMost);
        page.Append(CultureInfo.InvariantCulture,
            $"<svg id=\"{Id}\" viewBox=\"0 0 {Width} {Height}\" role=\"img\" aria-label=\"{Html.Text(YTitle)}\">");
        foreach (var mark in marks)
        {
            var y = YOf(mark, low, high);
            page.Append(CultureInfo.InvariantCulture,
                $"<line class=\"grid\" x1=\"{Left}\" x2=\"{Width - Right}\" y1=\"{y:0.#}\" y2=\"{y:0.#}\"/>");
            Text(page, Left - 8, y + 4, "end", Number(mark));
        }

        foreach (var (x, text) in XMarks ?? [.. Round(xMost).Marks.Where(mark => mark <= xMost)
            .Select(mark => (mark, Number(mark)))])
        {
            Text(page, XOf(x, xMost), Height - Bottom + 16, x < xMost * 0.98 ? "middle" : "end", text);
        }

        Text(page, Width - Right, Height - 4, "end", XTitle);
        Text(page, Left, Top + 2, "start", YTitle);
        foreach (var (at, text) in Events)
        {
            var x = XOf(Math.Min(at, xMost), xMost);
            page.Append(CultureInfo.InvariantCulture,
                $"<line class=\"event\" x1=\"{x:0.#}\" x2=\"{x:0.#}\" y1=\"{Top}\" y2=\"{Height - Bottom}\"><title>{Html.Text(text)}</title></line>");
        }

        foreach (var one in series)
        {
            DrawSeries(page, one, xMost, low, high);
        }

        page.Append("</svg>");
    }

    private void DrawSeries(StringBuilder page, ChartSeries series, double xMost, double low, double high)
    {
        page.Append(CultureInfo.InvariantCulture, $"<path class=\"series s{series.Style}\" d=\"");
        var group = (series.Points.Count + PointsMax - 1) / PointsMax;
        var isBroken = true;
        foreach (var points in series.Points.Chunk(Math.Max(1, group)))
        {
            var point = points.MaxBy(point => point.Y);
            if (double.IsNaN(point.Y) || (IsLogarithmic && point.Y <= 0))
            {
                isBroken = true;
                continue;
            }

            page.Append(CultureInfo.InvariantCulture,
                $"{(isBroken ? 'M' : 'L')}{XOf(point.X, xMost):0.#} {YOf(point.Y, low, high):0.#}");
            isBroken = false;
        }

        page.Append(CultureInfo.InvariantCulture, $"\"><title>{Html.Text(series.Name)}</title></path>");
    }

    private static double XOf(double x, double most) => Left + (x / most * (Width - Left - Right));

    private double YOf(double y, double low, double high)
    {
        var share = IsLogarithmic
            ? (Math.Log10(Math.Max(y, low)) - Math.Log10(low)) / (Math.Log10(high) - Math.Log10(low))
            : y / high;
        return Height - Bottom - (share * (Height - Top - Bottom - 12));
    }

    private static (double Low, double High, double[] Marks) Round(double most)
    {
        var unit = Math.Pow(10, Math.Floor(Math.Log10(most / 4)));
        var step = new[] { 1.0, 2, 5, 10 }.Select(times => times * unit).First(step => most / step <= 5);
        var count = (int)Math.Ceiling(most / step);
        return (0, count * step, [.. Enumerable.Range(0, count + 1).Select(index => index * step)]);
    }

    private static (double Low, double High, double[] Marks) Powers(double least, double most)
    {
        var from = (int)Math.Floor(Math.Log10(least));
        var to = Math.Max(from + 1, (int)Math.Ceiling(Math.Log10(most)));
        return (Math.Pow(10, from), Math.Pow(10, to),
            [.. Enumerable.Range(from, to - from + 1).Select(power => Math.Pow(10, power))]);
    }

    private static string Number(double number) => number.ToString(
        number >= 1000 ? "N0" : "0.###", CultureInfo.InvariantCulture);

    private static void Text(StringBuilder page, double x, double y, string anchor, string text) =>
        page.Append(CultureInfo.InvariantCulture,
            $"<text x=\"{x:0.#}\" y=\"{y:0.#}\" text-anchor=\"{anchor}\">{Html.Text(text)}</text>");
}
