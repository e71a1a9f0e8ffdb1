using System.Runtime.InteropServices;
using MailCluster.Frontend.Sasl;
using MailCluster.Shared.Sasl;
using Xunit;

namespace MailCluster.Frontend.Tests.Sasl;

public sealed class ContextSlotTests
{
    [Fact]
    public void A_context_ends_with_its_exchange_and_when_the_next_one_begins()
    {
        Assert.SkipUnless(NativeLibrary.TryLoad("libgssapi_krb5.so.2", out _), "the GSS library is not installed");
        using var slot = new ContextSlot();
        Assert.Throws<InvalidOperationException>(() => slot.Current);

        var first = slot.Open(SaslPackage.Ntlm);
        var second = slot.Open(SaslPackage.Kerberos);

        Assert.Same(second, slot.Current);
        Assert.Throws<InvalidOperationException>(() => first.Accept("x"u8, out _));
        slot.Dispose();
        Assert.Throws<InvalidOperationException>(() => second.Accept("x"u8, out _));
        Assert.Throws<InvalidOperationException>(() => slot.Current);
        Assert.NotSame(first, slot.Open(SaslPackage.Ntlm));
    }
}
