using Edifice.Engine.Checking;
using Edifice.Engine.Ops;
using Edifice.Engine.Tests.Ops;
using Edifice.Nn;

namespace Edifice.Engine.Cuda.Tests.Mutation;

/// <summary>What is run to find a defect: the golden cases of ops, the samples of the op table, cases as long as the kernels'
/// tiles ask for, in both float types, and single kernels beside the CPU's.</summary>
internal static class Corpus
{
    /// <summary>Cases as functions of the device; each throws where a result is wrong.</summary>
    public static IReadOnlyList<(string Name, Action<Device> Run)> Cases()
    {
        NnOps.Register();
        var cases = new List<(string, Action<Device>)>();
        foreach (var dtype in new[] { DType.Float32, DType.Float64 })
        {
            foreach (var op in OpTable.All.Where(o => o.Name is not "lr_schedule"))
                for (var i = 0; i < op.Samples.Count; i++)
                {
                    var at = i;
                    var relative = dtype == DType.Float32 ? 1e-4 : 1e-11;
                    Lazy<OpCase> sample = new(() => OpSamples.Of(op).ElementAt(at).Select((_, x) => x.DType.IsFloating() ? x.To(dtype) : x));
                    Lazy<List<(string, double[])>> expected = new(() => op.Measure(sample.Value.Select((_, x) => x.Clone())));
                    cases.Add(($"{op.Name} {at} {dtype}", device =>
                        OpSamples.AssertClose(expected.Value, op.Measure(sample.Value.Select((_, x) => x.To(device))), relative, op.Name)));
                }

            foreach (var name in RepositoryFiles.GoldenNames("op-"))
                cases.Add(($"{name} {dtype}", device =>
                {
                    using var file = GoldenFile.Open(RepositoryFiles.Golden(name));
                    if (file.DType is { } only && only != dtype) return;
                    var verdict = GoldenRunner.RunOp(file, dtype, device);
                    Assert.True(verdict.Agrees, verdict.Report);
                }));

            foreach (var (name, run) in ReductionCases.Exact().Concat(PairCases.All())) cases.Add(($"{name} {dtype}", device => run(dtype, device)));

            foreach (var (name, run, roundings) in ReductionCases.All().Concat(OrderCases.All()))
            {
                Lazy<List<(string, double[])>> expected = new(() => run(dtype, Device.Cpu));
                var relative = roundings * (dtype == DType.Float32 ? Math.Pow(2, -23) : Math.Pow(2, -52));
                cases.Add(($"{name} {dtype}", device => OpSamples.AssertClose(expected.Value, run(dtype, device), relative, name)));
            }

            foreach (var (name, run) in LongCases.All)
            {
                Lazy<List<(string, double[])>> expected = new(() => run(dtype, Device.Cpu));
                cases.Add(($"{name} {dtype}", device => OpSamples.AssertClose(expected.Value, run(dtype, device), dtype == DType.Float32 ? 2e-4 : 1e-10, name)));
            }
        }

        foreach (var (name, run) in KernelPairCases.All) cases.Add((name, device => KernelPair.On(device, run)));
        return cases;
    }
}
