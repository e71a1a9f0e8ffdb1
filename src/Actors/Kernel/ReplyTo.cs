namespace MailCluster.Actors.Kernel;

/// <summary>
/// Where the reply to one ask goes. The first reply or failure counts; later ones, and those after the deadline, do
/// nothing. A value, so that a message can carry it without an allocation; the default value goes nowhere.
/// </summary>
public readonly struct ReplyTo<TReply>
{
    private readonly PendingAsk<TReply>? _ask;
    private readonly long _token;

    internal ReplyTo(PendingAsk<TReply> ask, long token)
    {
        _ask = ask;
        _token = token;
    }

    public void Reply(TReply value) => _ask?.Reply(_token, value);

    public void Fail(AskFailure why) => _ask?.Fail(_token, why);
}
