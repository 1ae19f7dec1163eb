using Edifice.Engine;
using Edifice.Engine.Ops;
using Edifice.Engine.Serialization;
using Edifice.Nn;

namespace Edifice.Tests.Nn;

/// <summary>The golden files of the ops that <see cref="NnOps"/> adds to the table, in both dtypes.</summary>
public class TrainingOpsGoldenTests
{
    private static readonly string[] s_ops = ["optimizer", "clip_grad_norm", "clip_grad_value", "lr_schedule", "ema"];

    public TrainingOpsGoldenTests() => NnOps.Register();

    public static TheoryData<string, DType> Files()
    {
        var data = new TheoryData<string, DType>();
        foreach (var op in s_ops)
            foreach (var name in RepositoryFiles.GoldenNames($"op-{op}-"))
            {
                data.Add(name, DType.Float64);
                data.Add(name, DType.Float32);
            }

        return data;
    }

    [Theory]
    [MemberData(nameof(Files))]
    public void Ops_of_training_give_the_golden_values(string name, DType dtype)
    {
        using var file = SafetensorsFile.Open(RepositoryFiles.Golden(name));
        var inputs = file.Tensors.Keys.Where(k => k.StartsWith("in.", StringComparison.Ordinal))
            .ToDictionary(k => k["in.".Length..], k => file.Read(k, dtype));
        var results = OpTable.Find(file.Metadata["op"])!.Run(new OpCase(inputs, OptionBag.Parse(file.Metadata["options"])));
        var wanted = file.Tensors.Keys.Where(k => k.StartsWith("out.", StringComparison.Ordinal)).Select(k => k["out.".Length..]).ToArray();
        Assert.Equal(wanted.Order(), results.Select(r => r.Name).Order());
        foreach (var (output, value) in results)
        {
            var golden = file.Read("out." + output);
            // The files store a scalar as one entry on one axis.
            if (value.Rank > 0) Assert.Equal(golden.Shape, value.Shape);
            Agreement.Outputs(golden.ToArray<double>(), value.To(DType.Float64).ToArray<double>(), dtype, $"{name}: {output}");
        }
    }

    [Fact]
    public void Registering_the_ops_twice_adds_them_once()
    {
        NnOps.Register();
        foreach (var op in s_ops) Assert.Single(OpTable.All, e => e.Name == op);
    }

    [Fact]
    public void Every_sample_of_the_training_ops_runs_and_gives_finite_values()
    {
        foreach (var op in s_ops)
        {
            var entry = OpTable.Find(op)!;
            Assert.NotEmpty(entry.Samples);
            foreach (var sample in entry.Samples)
                foreach (var (output, value) in entry.Run(sample()))
                    Assert.All(value.ToArray<double>(), v => Assert.True(double.IsFinite(v), $"{op}: {output}"));
        }
    }

    [Theory]
    [InlineData("""{"name": "adam", "lrr": 0.1}""", "did you mean 'lr'?")]
    [InlineData("""{"name": "adamm"}""", "adamw")]
    [InlineData("""{"name": "adam", "betas": [0.9]}""", "two numbers")]
    [InlineData("""{"name": "sgd", "eps": 0.1}""", "has no option 'eps'")]
    public void Unknown_names_and_options_of_an_optimizer_are_refused_with_a_hint(string options, string hint)
    {
        var error = Assert.Throws<TensorException>(() => UpdateRule.FromOptions(OptionBag.Parse(options)));
        Assert.Contains(hint, error.Message, StringComparison.Ordinal);
    }
}
