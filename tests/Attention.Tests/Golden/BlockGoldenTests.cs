using Edifice.Attention.Checking;
using Edifice.Engine;
using Edifice.Engine.Checking;

namespace Edifice.Attention.Tests.Golden;

public class BlockGoldenTests
{
    public static TheoryData<string> Cases => Files("");

    public static TheoryData<string> TrainingRuns => Files("train-");

    public static TheoryData<string> Streams
    {
        get
        {
            var names = new TheoryData<string>();
            foreach (var name in Names(""))
            {
                using var file = GoldenFile.Open(RepositoryFiles.Golden(name));
                if (Blocks.Build(file.Block!, file.Options).CanStream) names.Add(name);
            }

            return names;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_block_gives_the_golden_states_and_gradients_in_float64(string name) => Agrees(name, DType.Float64);

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_block_gives_the_golden_states_and_gradients_in_float32(string name) => Agrees(name, DType.Float32);

    [Theory]
    [MemberData(nameof(TrainingRuns))]
    public void A_training_run_gives_the_golden_losses_and_parameters_in_float64(string name) => Agrees(name, DType.Float64);

    [Theory]
    [MemberData(nameof(TrainingRuns))]
    public void A_training_run_gives_the_golden_losses_and_parameters_in_float32(string name) => Agrees(name, DType.Float32);

    [Theory]
    [MemberData(nameof(Streams))]
    public void A_stream_gives_the_golden_states_in_pieces_of_any_length(string name)
    {
        using var file = GoldenFile.Open(RepositoryFiles.Golden(name));
        foreach (var piece in new[] { 1, 5, 64 })
        {
            var verdict = BlockGolden.RunStreamed(file, DType.Float64, piece);
            Assert.True(verdict.Agrees, verdict.Report);
        }
    }

    [Fact]
    public void Every_golden_file_of_a_block_is_run()
    {
        var run = Names("").Concat(Names("train-")).ToHashSet();
        Assert.DoesNotContain(RepositoryFiles.GoldenNames(), name => !name.StartsWith("op-", StringComparison.Ordinal) && !run.Contains(name));
    }

    private static void Agrees(string name, DType dtype)
    {
        using var file = GoldenFile.Open(RepositoryFiles.Golden(name));
        var verdict = BlockGolden.Run(file, dtype);
        Assert.True(verdict.Agrees, verdict.Report);
    }

    private static TheoryData<string> Files(string prefix) => new(Names(prefix));

    /// <summary>The files of every block; a preset of another block has none of its own.</summary>
    private static IEnumerable<string> Names(string prefix) => Blocks.All.Where(b => b.PresetOf is null)
        .SelectMany(b => RepositoryFiles.GoldenNames($"{prefix}{b.Name}-"));
}
