using System.Collections.Immutable;
using System.ComponentModel;
using Microsoft.AspNetCore.Http.HttpResults;

namespace MailCluster.Frontend.Admin;

/// <summary>Which page of a list: bound from the query.</summary>
internal readonly record struct PageRequest(
    [property: Description("The \"next\" of the page before; absent: from the start")] string? After,
    [property: Description("1 to 1000 rows; absent: 100")] int? Limit)
{
    /// <summary>Asks for one row more than wanted, which tells whether there is a next page.</summary>
    public int Asked => (Limit ?? AdminEndpoints.PageSize) + 1;

    public ProblemHttpResult? Fault => Limit is < 1 or > AdminEndpoints.PageSizeMax
        ? AdminProblem.Invalid("\"limit\"", $"It is a number from 1 to {AdminEndpoints.PageSizeMax}.")
        : null;

    public Page<TView> Of<TRow, TView>(ImmutableArray<TRow> rows, Func<TRow, TView> view, Func<TRow, string> name)
    {
        var count = Math.Min(rows.Length, Asked - 1);
        return new([.. rows.Take(count).Select(view)], rows.Length > count ? name(rows[count - 1]) : null);
    }
}
