using Edifice.Engine.Backends;

namespace Edifice.Engine.Cuda.Tests.Families;

/// <summary>Random numbers, dropout and optimizer steps beside the CPU's kernels.</summary>
public class DrawAndUpdateTests
{
    [Fact]
    public void The_same_numbers_are_drawn_as_on_the_cpu_from_any_counter()
    {
        foreach (var dtype in new[] { DType.Float32, DType.Float64 })
        {
            foreach (var count in new[] { 0, 1, 2, 7, 600 })
            {
                foreach (var offset in new ulong[] { 0, 1, 5, (1UL << 33) + 1, ulong.MaxValue / 2 })
                {
                    var y = Twin.Room([count], dtype);
                    Twin.Both((backend, on) => backend.Random(RandomKernel.Uniform, 0x1234_5678_9abc_def0, offset, -1.5, 2.25, on(y)));
                    y.Agree();
                    Twin.Both((backend, on) => backend.Random(RandomKernel.Uniform, 7, offset, 0, 1, on(y)));
                    y.Agree();
                    Twin.Both((backend, on) => backend.Random(RandomKernel.Normal, 7, offset, 0.5, 2, on(y)));
                    y.Agree();
                }
            }
        }
    }

    [Fact]
    public void Dropout_leaves_out_the_same_elements_as_on_the_cpu()
    {
        foreach (var dtype in new[] { DType.Float32, DType.Float64 })
        {
            foreach (var (p, offset) in new (double, ulong)[] { (0, 0), (0.1, 3), (0.5, 1), (0.999, 8) })
            {
                var x = Twin.Of(Numbers.SpecialAnd(301, 40), [301], dtype);
                var y = Twin.Room([301], dtype);
                Twin.Both((backend, on) => backend.Dropout(on(x), p, 99, offset, on(y)));
                y.Agree(what: $"{p}");
            }
        }
    }

    [Fact]
    public void Optimizer_steps_have_the_cpus_bits()
    {
        foreach (var dtype in new[] { DType.Float32, DType.Float64 })
        {
            foreach (var kernel in Enum.GetValues<OptimizerKernel>())
            {
                for (var variant = 0; variant < 8; variant++)
                {
                    bool extra = (variant & 1) != 0, decays = (variant & 2) != 0, third = (variant & 4) != 0;
                    var parameter = Twin.Of(Numbers.Random(70, 41), [70], dtype);
                    Twin s0 = Twin.Of(new double[70], [70], dtype), s1 = Twin.Of(new double[70], [70], dtype), s2 = Twin.Of(new double[70], [70], dtype);
                    for (var step = 1; step <= 3; step++)
                    {
                        var gradient = Twin.Of(Numbers.Random(70, 42 + step, step == 2 ? 1e-3 : 1), [70], dtype);
                        var settings = new OptimizerSettings(0.01, decays ? 0.1 : 0, 0.9, 0.99, 1e-8, extra || kernel == OptimizerKernel.RmsProp ? 0.8 : 0, 0.2, third, step);
                        Twin.Both((backend, on) => backend.OptimizerStep(kernel, settings, on(parameter), on(gradient), 0.5,
                            kernel == OptimizerKernel.Sgd && !extra ? null : on(s0),
                            kernel is OptimizerKernel.Adam or OptimizerKernel.AdamW || (kernel == OptimizerKernel.RmsProp && extra) ? on(s1) : null,
                            third && kernel is OptimizerKernel.Adam or OptimizerKernel.AdamW or OptimizerKernel.RmsProp && third ? on(s2) : null));
                        parameter.Agree(what: $"{kernel} {variant} step {step}");
                        s0.Agree();
                        s1.Agree();
                        s2.Agree();
                    }
                }
            }
        }
    }
}
