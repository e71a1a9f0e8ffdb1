namespace MailCluster.Storage.Sqlite;

/// <summary>
/// Octets of the mailboxes that were asked for lately, as committed, so that RCPT costs a read only now and then. The
/// writer tells of every change after the commit and before anyone hears of it. At the bound a part of it is forgotten.
/// </summary>
internal sealed class UsageBook
{
    private const int MailboxesMax = 65_536;
    private const int StripeCount = 256;

    private readonly Stripe[] _stripes = new Stripe[StripeCount];

    public UsageBook()
    {
        for (var stripe = 0; stripe < StripeCount; stripe++)
        {
            _stripes[stripe] = new Stripe();
        }
    }

    /// <param name="version">When it is not known: from before the read, for <see cref="Put"/>.</param>
    public bool TryGet(long mailbox, out long octets, out long version)
    {
        var stripe = Of(mailbox);
        lock (stripe)
        {
            version = stripe.Version;
            return stripe.Octets.TryGetValue(mailbox, out octets);
        }
    }

    /// <summary>Nothing when there was a change since: what was read may be older.</summary>
    public void Put(long mailbox, long octets, long version)
    {
        var stripe = Of(mailbox);
        lock (stripe)
        {
            if (stripe.Version != version)
            {
                return;
            }

            if (stripe.Octets.Count >= MailboxesMax / StripeCount)
            {
                stripe.Octets.Clear();
            }

            stripe.Octets[mailbox] = octets;
        }
    }

    public void Committed(long mailbox, long octets)
    {
        var stripe = Of(mailbox);
        lock (stripe)
        {
            stripe.Version++;
            if (stripe.Octets.ContainsKey(mailbox))
            {
                stripe.Octets[mailbox] = octets;
            }
        }
    }

    /// <summary>After a change of the directory, which may have removed mailboxes.</summary>
    public void Clear()
    {
        foreach (var stripe in _stripes)
        {
            lock (stripe)
            {
                stripe.Version++;
                stripe.Octets.Clear();
            }
        }
    }

    private Stripe Of(long mailbox) => _stripes[mailbox & (StripeCount - 1)];

    private sealed class Stripe
    {
        public Dictionary<long, long> Octets { get; } = [];

        public long Version { get; set; }
    }
}
