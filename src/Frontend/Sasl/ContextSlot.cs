using MailCluster.Shared.Sasl;

namespace MailCluster.Frontend.Sasl;

/// <summary>The context that one connection's exchange has under way; none most of the time.</summary>
internal sealed class ContextSlot : IDisposable
{
    private SecurityContext? _context;

    /// <summary>Instead of one that an earlier exchange left.</summary>
    public SecurityContext Open(SaslPackage package)
    {
        Dispose();
        return _context = new SecurityContext(package);
    }

    public SecurityContext Current => _context ?? throw new InvalidOperationException("No context is open.");

    /// <summary>The exchange is over, or the connection.</summary>
    public void Dispose()
    {
        _context?.Dispose();
        _context = null;
    }
}
