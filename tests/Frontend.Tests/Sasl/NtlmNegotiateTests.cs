using MailCluster.Frontend.Sasl;
using Xunit;

namespace MailCluster.Frontend.Tests.Sasl;

/// <summary>[MS-NLMP] §2.2.1.1 with and without its Version.</summary>
public sealed class NtlmNegotiateTests
{
    [Fact]
    public void A_message_without_Version_gets_one_and_asks_for_no_signing()
    {
        byte[] message = [.. "NTLMSSP\0"u8, 1, 0, 0, 0, 0x36, 0x82, 0x08, 0x00, .. new byte[16]];

        Assert.True(NtlmNegotiate.LacksVersion(message));
        Assert.Equal(
            [.. "NTLMSSP\0"u8, 1, 0, 0, 0, 0x06, 0x02, 0x08, 0x00, .. new byte[24]],
            NtlmNegotiate.WithVersion(message));
    }

    [Theory]
    [InlineData(15, false)]
    [InlineData(16, true)]
    [InlineData(39, true)]
    [InlineData(40, false)]
    public void Only_a_message_too_short_for_it_lacks_it(int length, bool lacks)
    {
        Assert.Equal(lacks, NtlmNegotiate.LacksVersion(new byte[length]));
    }
}
