namespace PtxEmulator.Tests;

public class ParserTests
{
    [Fact]
    public void An_emulated_card_can_be_made() => Assert.NotNull(new EmulatedDriver());
}
