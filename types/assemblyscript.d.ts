/** AssemblyScript's types in those files of the CPU core that are nothing but numbers, so that tests can read them. */
declare type u8 = number;
declare type u32 = number;
declare type usize = number;
