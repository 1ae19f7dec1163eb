using Edifice.Attention;
using Edifice.Attention.Checking;
using Edifice.Engine.Checking;
using Edifice.Nn;

namespace Edifice.Engine.Cuda.Tests.Laws;

/// <summary>Every golden file, of ops, blocks and training runs, on the card.</summary>
public class GoldenTests
{
    static GoldenTests() => NnOps.Register();

    public static TheoryData<string, DType> Cases()
    {
        var cases = new TheoryData<string, DType>();
        foreach (var name in RepositoryFiles.GoldenNames())
        {
            using var file = GoldenFile.Open(RepositoryFiles.Golden(name));
            foreach (var dtype in new[] { DType.Float64, DType.Float32 })
                if (file.DType is null || file.DType == dtype) cases.Add(name, dtype);
        }

        return cases;
    }

    public static TheoryData<string> Streams()
    {
        var names = new TheoryData<string>();
        foreach (var block in Blocks.All.Where(b => b.PresetOf is null))
            foreach (var name in RepositoryFiles.GoldenNames($"{block.Name}-"))
            {
                using var file = GoldenFile.Open(RepositoryFiles.Golden(name));
                if (Blocks.Build(file.Block!, file.Options).CanStream) names.Add(name);
            }

        return names;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_golden_file_agrees(string name, DType dtype)
    {
        using var scope = Tensor.Scope();
        using var file = GoldenFile.Open(RepositoryFiles.Golden(name));
        var verdict = file.Op is not null ? GoldenRunner.RunOp(file, dtype, TestCard.Device) : BlockGolden.Run(file, dtype, TestCard.Device);
        Assert.True(verdict.Agrees, verdict.Report);
    }

    [Theory]
    [MemberData(nameof(Streams))]
    public void A_stream_gives_the_golden_states_in_pieces(string name)
    {
        using var file = GoldenFile.Open(RepositoryFiles.Golden(name));
        foreach (var piece in new[] { 5, 64 })
        {
            var verdict = BlockGolden.RunStreamed(file, DType.Float64, piece, TestCard.Device);
            Assert.True(verdict.Agrees, verdict.Report);
        }
    }
}
