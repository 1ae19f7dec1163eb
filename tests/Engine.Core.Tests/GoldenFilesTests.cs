namespace Edifice.Engine.Tests;

public class GoldenFilesTests
{
    [Fact]
    public void Golden_files_are_found_from_the_test_host() =>
        Assert.True(File.Exists(RepositoryFiles.Golden("gqa-base")));
}
