using Edifice.Engine.Cpu.Simd;

namespace Edifice.Engine.Cpu.Tests.Simd;

public sealed class NativeImagesTests
{
    [Fact]
    public void A_machine_is_of_the_level_whose_registers_the_compiler_finds()
    {
        if (!OperatingSystem.IsLinux() || NativeImages.MachineLevel is not { } level) return;
        // The compiler may have been told to use less than there is, never more.
        if (Isa.Has512) Assert.Equal("x86-64-v4", level);
        if (Isa.Has256) Assert.StartsWith("x86-64-v", level, StringComparison.Ordinal);
    }

    [Fact]
    public void A_program_compiled_just_in_time_goes_on_as_it_is() => NativeImages.RunWidest();
}
