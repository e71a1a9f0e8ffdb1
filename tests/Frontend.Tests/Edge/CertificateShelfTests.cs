using MailCluster.Frontend.Edge;
using Xunit;

namespace MailCluster.Frontend.Tests.Edge;

public sealed class CertificateShelfTests
{
    [Fact]
    public void A_file_that_cannot_be_looked_at_has_a_stamp_and_is_no_end_of_the_clock_that_looks()
    {
        Assert.Equal(DateTime.MinValue, CertificateShelf.StampOf($"/tmp/{new string('x', 5_000)}"));
        Assert.True(CertificateShelf.StampOf("/tmp/this file is not there") < DateTime.UnixEpoch);
        Assert.True(CertificateShelf.StampOf("/proc/self/status") > DateTime.UnixEpoch);
    }
}
