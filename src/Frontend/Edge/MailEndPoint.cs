using System.Net;

namespace MailCluster.Frontend.Edge;

/// <summary>An address that a mail binding is opened at, by which <see cref="MailTransport"/> knows it.</summary>
internal sealed class MailEndPoint(IPEndPoint at, BindingEdge binding) : IPEndPoint(at.Address, at.Port)
{
    public BindingEdge Binding => binding;
}
