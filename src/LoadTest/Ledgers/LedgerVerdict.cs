namespace MailCluster.LoadTest.Ledgers;

/// <summary>What a check can find wrong.</summary>
public enum FindingKind
{
    /// <summary>Acknowledged, not there, and nobody removed it.</summary>
    Lost,

    /// <summary>It was there once, nobody removed it, and it is gone.</summary>
    RemovedUnmarked,

    /// <summary>There more than once.</summary>
    Duplicate,

    /// <summary>Its removal was acknowledged, and it is there.</summary>
    Resurrected,

    /// <summary>There, with another body than was sent.</summary>
    Changed,

    /// <summary>In the mailbox of a user whom it was not acknowledged for.</summary>
    Stray,
}

/// <param name="Number">Of the message, as its X-MailCluster-Load field has it.</param>
public sealed record Finding(FindingKind Kind, string User, long Number, string Text);

/// <summary>The result of a check: green when nothing was found.</summary>
public sealed record LedgerVerdict
{
    /// <summary>Findings beyond these are only counted.</summary>
    public const int FindingsMax = 100;

    public required string Path { get; init; }

    public bool IsGreen => FindingCount == 0;

    /// <summary>Messages with a 250.</summary>
    public required long Acknowledged { get; init; }

    /// <summary>Of them, one for each recipient.</summary>
    public required long Copies { get; init; }

    /// <summary>Copies whose removal was acknowledged, and that are gone.</summary>
    public required long Removed { get; init; }

    /// <summary>Copies found once, as they should be.</summary>
    public required long Found { get; init; }

    /// <summary>Copies that are not in the mailbox yet: the server's queue names them.</summary>
    public required long InSpool { get; init; }

    /// <summary>Copies whose QUIT had no answer: gone or there, both are right.</summary>
    public required long Undecided { get; init; }

    /// <summary>Found without an acknowledgement: the reply was lost, or was not noted.</summary>
    public required long Unacknowledged { get; init; }

    /// <summary>False: the generator died during the run.</summary>
    public required bool RunFinished { get; init; }

    public required long FindingCount { get; init; }

    public required IReadOnlyDictionary<FindingKind, long> Counts { get; init; }

    public required IReadOnlyList<Finding> Findings { get; init; }

    public override string ToString() => System.FormattableString.Invariant(
        $"{(IsGreen ? "GREEN" : "RED")}: {Acknowledged:N0} messages acknowledged, {Copies:N0} copies: {Found:N0} found once, {Removed:N0} removed and gone, {Undecided:N0} undecided, {InSpool:N0} in the spool; {Unacknowledged:N0} found without an acknowledgement; {FindingCount:N0} findings{(RunFinished ? "" : "; the generator died during the run")}.");
}
